"""From paths to the frequency response and to the truncated angular-delay matrix, and back."""
