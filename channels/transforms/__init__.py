"""From paths to frequency response and truncated angular-delay matrix, and back; beam squint; symbol timing."""
