"""kill -9 at any moment: nothing is lost, nothing stands twice, nothing published is half a file.

A small variant of `make crash`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from endurance.crash import (
    World,
    backup_killed,
    migration_killed,
    new_world,
    power_cut,
    publish_killed,
    update_killed,
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with new_world(tmp_path, 20241127) as world:
        yield world


def test_8_kills_at_random_moments_of_passes_cost_nothing(world: World) -> None:
    assert update_killed(world, 8) == 8


def test_kills_in_mid_publication_leave_whole_files(world: World) -> None:
    assert publish_killed(world, 3) == 3


def test_kills_in_mid_migration_leave_the_old_store_or_the_new(world: World) -> None:
    assert migration_killed(world, 3) == 3


def test_kills_in_mid_backup_leave_a_whole_copy_or_none(world: World) -> None:
    assert backup_killed(world, 3) == 3


def test_of_a_log_that_a_power_cut_damaged_some_sound_state_is_read(world: World) -> None:
    assert power_cut(world, 5) > 5
