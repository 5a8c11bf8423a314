"""Songs in, raw replies in the cache: all that may cost GPU time."""
