"""Whether scores agree with people: statistics over a table of scores and one of labels."""
