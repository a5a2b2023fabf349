"""The shell of the window: its commands and menus, its pages and what joins them."""
