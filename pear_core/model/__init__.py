"""The regressor: plain ViT, decoder, linear heads."""
