"""Lightning callbacks: modulations, monitors, run records."""
