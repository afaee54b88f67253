"""How the model that comes with stance is made."""
