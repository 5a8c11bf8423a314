"""URLs to files."""
