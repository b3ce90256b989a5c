"""Which process of how many this is, and which distribution is in force: what rooms below `distribution` ask."""
