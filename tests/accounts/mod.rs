mod invitations;
mod invites;
mod members;
mod own_account;
mod ownership;
mod roles;
mod seats;
