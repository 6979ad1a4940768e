"""Everything that draws on the screen; the only part of lib that knows Streamlit."""

import gc

# How many new objects make Python look for garbage among them. Replies are millions of objects without any, and to
# look after each 700, as is usual, took a quarter of a load; Streamlit collects all garbage after every run besides.
gc.set_threshold(50_000)
