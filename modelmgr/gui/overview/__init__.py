"""The overview: what the library holds, where it lies, and what needs attention."""
