"""How far data has moved: statistics as plain numbers, two distances, and a verdict. Imports neither TensorFlow nor TFX."""
