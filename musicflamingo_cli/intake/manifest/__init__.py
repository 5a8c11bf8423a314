"""Manifests in any form to songs."""
