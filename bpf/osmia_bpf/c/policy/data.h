// Buffers that are larger than the text of a record: the rest goes ahead of it, in pieces.

#define PIECE_BYTES 8192
#define MAX_PIECES 40
#define MAX_DATA_BYTES 327360

struct data_record {
    struct policy_header header;  // as that of the record, but for the phase
    u32 value, size;              // which of the record's values it belongs to
    u64 offset;
    char data[PIECE_BYTES];
};

// Where a piece finds no room, or cannot be read, the event tells that its buffer is not whole.
inlined void send_data(struct policy_header *header, u32 value, u64 address, u64 whole)
{
    AT_MOST(whole, MAX_DATA_BYTES);
    // In the map, as in walk_path: by a number that it knows, the verifier would follow each piece
    // apart, with all that comes behind the loop.
    volatile u32 *sent = &header->pieces;
    *sent = 0;
    u32 turn = 0;
#pragma unroll 1
    while (GOES_ON(turn, MAX_PIECES)) {
        u64 offset = TEXT_BYTES + (u64)*sent * PIECE_BYTES;
        *sent += 1;
        if (offset >= whole)
            return;
        struct data_record *piece = policy_records.ringbuf_reserve(sizeof(struct data_record));
        if (!piece)
            return;
        u64 part = whole - offset;
        AT_MOST(part, PIECE_BYTES);
        __builtin_memcpy(&piece->header, header, sizeof(*header));
        piece->header.phase = PHASE_DATA;
        piece->value = value;
        piece->offset = offset;
        s32 error = read_memory(piece->data, part, address + offset);
        piece->size = error ? 0 : part;
        policy_records.ringbuf_submit(piece, 0);
    }
}
