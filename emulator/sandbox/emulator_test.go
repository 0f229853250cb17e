package sandbox

func beEmulator() {}
