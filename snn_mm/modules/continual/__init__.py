"""Class-incremental learning: losses, the dual-attention trunk, and what a task leaves behind."""
