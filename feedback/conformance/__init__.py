"""What every compressor must obey, as checks that the tests and `linksim check-plugin` share."""
