"""What every compressor must obey, as checks that tests and `linksim check-plugin` share."""
