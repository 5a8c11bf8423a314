"""Parquet in, Parquet out."""
