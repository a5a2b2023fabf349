"""modelmgr: a manager for local AI models."""

__version__ = "0.1.0"
