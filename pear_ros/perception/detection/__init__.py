"""Where people are: detectors behind one protocol, and where their boxes come from."""
