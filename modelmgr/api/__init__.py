"""The local HTTP door: other programs on this computer ask the library and feed it. Loopback only, token needed."""
