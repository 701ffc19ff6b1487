"""What a CSI report is made of: codeword, side information, scale."""
