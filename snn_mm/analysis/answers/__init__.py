"""What networks of question answering reply, as tables and a page."""
