"""mfq merge: tables to one."""
