"""Manifests, audio files and packs: file in, records out."""
