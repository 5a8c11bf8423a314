"""From a reply as a model wrote it to an answer: what is JSON, was meant to be, or stands behind its label."""
