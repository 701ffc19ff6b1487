"""Every feedback link from UE to BS, one per file or room: perfect, AWGN, bit errors, coded uplink."""
