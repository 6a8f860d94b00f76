"""The model: people with keys, in rooms, sending ciphertext. No I/O, no wire words."""
