def name(key):
    return key.rsplit("/", 1)[-1]
