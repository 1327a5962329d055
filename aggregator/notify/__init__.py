"""Delivery beyond feeds: new stories to webhooks, readers' mailboxes and chats."""
