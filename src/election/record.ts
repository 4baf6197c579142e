/** The wire format of the lease and of proposals. */
/** Who stands or leads, as written to a znode. */
export interface Candidate {
  readonly candidateId: string;
  readonly hostname: string;
  readonly pid: string;
}
