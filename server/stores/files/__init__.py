"""The bytes of files: in a folder of this machine, or in a bucket."""
