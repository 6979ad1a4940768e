"""Everything that draws on the screen; the only part of lib that knows Streamlit."""
