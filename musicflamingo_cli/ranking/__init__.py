"""Songs ranked by being compared in pairs."""
