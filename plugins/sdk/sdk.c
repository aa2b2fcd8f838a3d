/* The sdk begins in the next commit. */ typedef int sluice_sdk_begins;
