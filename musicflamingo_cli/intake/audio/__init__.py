"""Audio files to clips and measures."""
