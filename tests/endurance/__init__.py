"""Long trials, each a program of its own: `make crash`, `make soak`."""
