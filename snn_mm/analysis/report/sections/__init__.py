"""The sections of a report, one topic a file; each turns a comparison into blocks."""
