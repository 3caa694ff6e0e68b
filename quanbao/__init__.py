"""The business of Quanbao, one module an act: no web, no environment, no clock in here."""
