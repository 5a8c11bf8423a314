"""Tables of any form, opened."""
