"""Where an output comes from and who agreed: consent ledger, signed manifest, watermark."""
