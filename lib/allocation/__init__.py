"""Who pays: rules of finance's own, and what they make of the lines of a month. It asks nobody."""
