/*
 * heap.h - the bytes and blocks that a program has on the heap
 *
 * heap.c stands in for malloc() and its family in the program that it is linked into, the libraries of the
 * program included. Bytes are those of the blocks, the heap's own word before each of them included. glibc
 * only.
 */
#ifndef HEAP_H
#define HEAP_H

long long heap_bytes(void);
long long heap_blocks(void);

#endif
