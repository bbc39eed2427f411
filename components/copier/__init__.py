"""The Copier component: the pushed model becomes the next generation of the model registry."""
