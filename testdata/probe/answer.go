package main

// answer is what tests edit in a copy of this folder.
const answer = "first"
