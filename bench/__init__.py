"""How fast the dashboard is, against a stand-in of OpenAI: ``make bench``."""
