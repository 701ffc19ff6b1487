"""Link budget: the SNR of every UE from transmit power, path loss, noise and other cells."""
