"""What clients may ask, field by field. Fields not named here are left out when decoding."""
