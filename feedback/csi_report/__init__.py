"""What a CSI report is made of: normalisation and its scale, codeword, side information and its bits."""
