"""How bytes of strangers are read: files as one state, databases as copies, exact ranges, nothing executed."""
